"""Serve the shop from a server that hands no socket over, as waitress and mod_wsgi do."""

import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

from app import app


class Handler(WSGIRequestHandler):
    def log_message(self, *arguments):
        pass


make_server("127.0.0.1", int(sys.argv[1]), app, handler_class=Handler).serve_forever()
