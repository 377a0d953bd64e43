from tests.loopback import net, serve

__all__ = ["net", "serve"]
