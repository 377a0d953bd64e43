"""The report of one scan."""

import reflex as rx

from app.services import scans
from app.services.errors import SeamwatchError
from app.state.session import actor_of
from app.state.shown import plain


class ReportState(rx.State):
    sentence: rx.Field[str] = rx.field("")
    detail: rx.Field[str] = rx.field("")
    error: rx.Field[str] = rx.field("")

    @rx.event
    async def load(self):
        try:
            report = await scans.report(await actor_of(self), self.router.url.path.strip("/").split("/")[-1])
        except SeamwatchError as error:
            self.error = error.message
            return
        self.error, self.sentence, self.detail = "", plain(report.site.sentence), plain(report.site.detail)
