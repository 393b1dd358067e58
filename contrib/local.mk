# SPDX-License-Identifier: GPL-3.0-or-later
# What a site drops in. What has to do with options is printed by the executables themselves, so that it cannot drift.

if !CROSS
man1_MANS += contrib/check_replication_lag.1
contrib/check_replication_lag.1: plugins/check_replication_lag$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) contrib && { plugins/check_replication_lag$(EXEEXT) --generate man > $@.tmp || test $$? = 3; } && mv $@.tmp $@
CLEANFILES += contrib/check_replication_lag.1
man1_MANS += contrib/check_queue_mirrors.1
contrib/check_queue_mirrors.1: plugins/check_queue_mirrors$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) contrib && { plugins/check_queue_mirrors$(EXEEXT) --generate man > $@.tmp || test $$? = 3; } && mv $@.tmp $@
CLEANFILES += contrib/check_queue_mirrors.1
man1_MANS += contrib/check_liveness.1
contrib/check_liveness.1: plugins/check_liveness$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) contrib && { plugins/check_liveness$(EXEEXT) --generate man > $@.tmp || test $$? = 3; } && mv $@.tmp $@
CLEANFILES += contrib/check_liveness.1
man1_MANS += contrib/check_dns_target.1
contrib/check_dns_target.1: plugins/check_dns_target$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) contrib && { plugins/check_dns_target$(EXEEXT) --generate man > $@.tmp || test $$? = 3; } && mv $@.tmp $@
CLEANFILES += contrib/check_dns_target.1
man1_MANS += contrib/check_backup_freshness.1
contrib/check_backup_freshness.1: plugins/check_backup_freshness$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) contrib && { plugins/check_backup_freshness$(EXEEXT) --generate man > $@.tmp || test $$? = 3; } && mv $@.tmp $@
CLEANFILES += contrib/check_backup_freshness.1
endif

# Lists of networks for check_dns_target, and the script that renews them.
rangesdir = $(pkgdatadir)/ranges
dist_ranges_DATA = contrib/ranges/cloudflare.txt
dist_ranges_SCRIPTS = contrib/ranges/refresh
