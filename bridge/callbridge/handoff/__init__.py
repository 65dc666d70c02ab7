"""Who talks to whom: conferences and queues as ids, commands and events. No bot, no socket."""
