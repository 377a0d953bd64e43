"""Serve the shop as runserver does, and say so on standard output once the port is open."""

import sys
from socketserver import ThreadingMixIn

from django.core.servers.basehttp import WSGIServer
from mysite.wsgi import application
from wsgiref.simple_server import WSGIRequestHandler


class Handler(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
server.set_app(application)
print("listening", flush=True)
server.serve_forever()
