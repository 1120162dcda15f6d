"""The words for a system that has no thread left to give."""

NO_THREAD = "no thread can be started: the system has no process or no memory left for it"
NO_THREAD_HINT = "`ulimit -u` shows how many processes and threads the user may have"
