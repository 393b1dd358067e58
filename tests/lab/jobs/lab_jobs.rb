# SPDX-License-Identifier: GPL-3.0-or-later
# What the lab's Sidekiq does.
require "sidekiq"

class LabQuick
  include(defined?(Sidekiq::Job) ? Sidekiq::Job : Sidekiq::Worker)

  def perform; end
end

# Until the file is there; says PATH.started before.
class LabHold
  include(defined?(Sidekiq::Job) ? Sidekiq::Job : Sidekiq::Worker)

  def perform(path)
    File.write("#{path}.started", "")
    sleep 0.02 until File.exist?(path)
  end
end
