from tests.loopback import listen, net, serve

__all__ = ["listen", "net", "serve"]
