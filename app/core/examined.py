"""What a rule looks at: the observation with the conclusions drawn from it so far."""

from dataclasses import dataclass

from app.core.exchange import Exchange
from app.core.inventory import Inventory
from app.core.observation import Observation
from app.core.report import Architecture, Technology


@dataclass(frozen=True, slots=True)
class Examined:
    observation: Observation
    inventory: Inventory
    technologies: tuple[Technology, ...]
    architecture: Architecture

    def page(self) -> Exchange | None:
        """Return the page's final exchange (after redirects), or None when it gave no response."""
        for exchange in reversed(self.observation.exchanges):
            if exchange.url == self.inventory.page_url and exchange.purpose == "page" and exchange.response:
                return exchange
        return None
