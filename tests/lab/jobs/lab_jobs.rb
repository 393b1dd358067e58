# SPDX-License-Identifier: GPL-3.0-or-later
# What the lab's Sidekiq does.
require "sidekiq"

LAB_JOB = defined?(Sidekiq::Worker) ? Sidekiq::Worker : Sidekiq::Job

class LabQuick
  include LAB_JOB

  def perform; end
end

# Until the file is there; says PATH.started before.
class LabHold
  include LAB_JOB

  def perform(path)
    File.write("#{path}.started", "")
    sleep 0.02 until File.exist?(path)
  end
end
