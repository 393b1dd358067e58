# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Grafana: /api/health, which anybody may ask."""

import stub_service

HEALTH = {"commit": "83b9528bce", "database": "ok", "version": "11.0.0"}
FAILING = {"commit": "83b9528bce", "database": "failing", "version": "11.0.0"}


class Grafana(stub_service.Service):
    QUESTIONS = {"health": "/api/health"}
    OPEN = ("health",)

    def __init__(self, **options):
        super().__init__({"health": HEALTH}, **options)
