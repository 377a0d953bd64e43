"""Serves Django projects, each in a process of its own, from one that has imported Django already: its settings are one per process.

Reads lines "folder<TAB>port" from standard input; each project's serve.py says "listening" on standard output, after
the number of its process.
"""

import os
import runpy
import signal
import sys

import django.contrib.sessions.backends.signed_cookies
import django.contrib.sessions.middleware
import django.core.servers.basehttp
import django.core.wsgi
import django.db.models
import django.middleware.common
import django.middleware.security
import django.shortcuts
import django.template.backends.django
import django.views.static  # noqa: F401 - imported for the forks


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the forks
    for line in sys.stdin:
        folder, _, port = line.rstrip("\n").partition("\t")
        child = os.fork()
        if child:
            continue
        os.chdir(folder)
        sys.path.insert(0, folder)
        sys.argv = ["serve.py", port]
        print(os.getpid(), flush=True)
        runpy.run_path("serve.py", run_name="__main__")


if __name__ == "__main__":
    main()
