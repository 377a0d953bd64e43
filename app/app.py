"""Root: the pages, and the walls around them: those of app.web, the gate before every event, and the registry of sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import reflex as rx
from reflex.app import default_error_boundary

from app import web
from app.components.made import made_note
from app.components.shell import connection_note, trouble_note
from app.components.tokens import STYLESHEETS
from app.pages import (
    audit_log,
    compare,
    cors_lab,
    engine,
    findings,
    incidents,
    landing,
    maintenance,
    members,
    monitor,
    monitor_form,
    my_sessions,
    new_scan,
    not_found,
    overview,
    profile,
    rules,
    scan,
    scans,
    sign_in,
    sites,
    stored_secrets,
    tokens,
    watch,
    workspace_settings,
)
from app.state import gate, sockets
from app.state.audit_log import AuditLogState
from app.state.bulk import BulkState
from app.state.compare import CompareState
from app.state.engine import EngineViewState
from app.state.incidents import IncidentsState
from app.state.lab import LabState
from app.state.landing import LandingState
from app.state.maintenance import MaintenanceState
from app.state.members import MembersState
from app.state.monitor import MonitorState
from app.state.monitor_form import MonitorFormState
from app.state.my_sessions import MySessionsState
from app.state.new_scan import NewScanState
from app.state.overview import OverviewState
from app.state.profile import ProfileState
from app.state.scan import ScanState
from app.state.scans import ScansState
from app.state.session import SessionState
from app.state.sign_in import SignInState
from app.state.sites import SitesState
from app.state.stored_secrets import StoredSecretsState
from app.state.tokens import TokensState
from app.state.trouble import on_exception
from app.state.watch import WatchState
from app.state.workspace_settings import WorkspaceSettingsState

app = rx.App(
    api_transformer=[web.api, web.Guard],  # the last one is the outermost
    stylesheets=STYLESHEETS,
    html_lang="en",
    backend_exception_handler=on_exception,
    toaster=None,  # components/toast.py instead: handlers may not return rx.toast under our CSP
    app_wraps={
        (55, "ErrorBoundary"): lambda stateful: default_error_boundary(),
        (5, "Overlay"): lambda stateful: rx.fragment(trouble_note(), made_note(), connection_note()) if stateful else None,
    },
)
app.add_middleware(gate.Gate())
registry = sockets.install(app)


@asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """What runs as long as the app, and the sweep over its sockets."""
    async with web.lifespan():
        web.supervisor.start("sweep of sockets", registry.keep_sweeping)
        yield


app.register_lifespan_task(lifespan)

app.add_page(
    landing.page,
    route="/",
    title="Seamwatch: find what a browser blocks between frontend and backend",
    description="See how an application's frontend and backend are joined, what a browser blocks between them, and how to mend it.",
    on_load=[SessionState.load, SignInState.resume, LandingState.load],
)
app.add_page(sign_in.page, route="/sign-in", title="Sign in · Seamwatch", on_load=[SessionState.load, SignInState.load])
_LIST = [SessionState.load, SignInState.resume, BulkState.load, OverviewState.load]
app.add_page(overview.page, route="/overview", title=OverviewState.title, on_load=_LIST)
app.add_page(overview.monitors, route="/monitors", title=OverviewState.title, on_load=_LIST)
app.add_page(monitor_form.new, route="/monitors/new", title=MonitorFormState.title, on_load=[SessionState.load, MonitorFormState.open_new])
app.add_page(monitor.page, route="/monitors/[monitor]", title=MonitorState.title, on_load=[SessionState.load, MonitorState.open])
app.add_page(
    monitor_form.edit,
    route="/monitors/[monitor]/edit",
    title=MonitorFormState.title,
    on_load=[SessionState.load, MonitorFormState.open_one],
)
app.add_page(scans.page, route="/scans", title="Scans · Seamwatch", on_load=[SessionState.load, ScansState.load])
app.add_page(new_scan.page, route="/scans/new", title="New scan · Seamwatch", on_load=[SessionState.load, NewScanState.load])
app.add_page(compare.page, route="/scans/compare", title="Comparison · Seamwatch", on_load=[SessionState.load, CompareState.load])
app.add_page(scan.page, route="/scans/[scan]", title=ScanState.title, on_load=[SessionState.load, ScanState.open])
app.add_page(watch.page, route="/scans/[scan]/watch", title="Watch a report · Seamwatch", on_load=[SessionState.load, WatchState.load])
app.add_page(sites.page, route="/sites", title="Sites · Seamwatch", on_load=[SessionState.load, SitesState.load])
app.add_page(incidents.page, route="/incidents", title=IncidentsState.title, on_load=[SessionState.load, IncidentsState.load])
app.add_page(maintenance.page, route="/maintenance", title="Maintenance · Seamwatch", on_load=[SessionState.load, MaintenanceState.load])
app.add_page(not_found.page, route="/404", title="Not found · Seamwatch", on_load=SessionState.load)
app.add_page(
    cors_lab.page,
    route="/cors",
    title=LabState.title,
    description="Describe one fetch() and the server's answers: see what a browser blocks, by which rule, and what must change.",
    on_load=[SessionState.load, LabState.load],
)
app.add_page(
    rules.page,
    route="/cors/rules",
    title="CORS rules · Seamwatch",
    description="What a browser checks when a page calls another origin, rule by rule, with the console's texts.",
    on_load=SessionState.load,
)
app.add_page(
    findings.page,
    route="/findings",
    title="Findings · Seamwatch",
    description="The findings of a scan: what each means, and how to mend it in Flask, Django, FastAPI and nginx.",
    on_load=SessionState.load,
)
app.add_page(
    profile.entrance,
    route="/settings",
    title="Settings · Seamwatch",
    on_load=[SessionState.load, rx.redirect("/settings/profile", replace=True)],
)
app.add_page(profile.page, route="/settings/profile", title="Profile · Seamwatch", on_load=[SessionState.load, ProfileState.load])
app.add_page(my_sessions.page, route="/settings/sessions", title="Sessions · Seamwatch", on_load=[SessionState.load, MySessionsState.load])
app.add_page(
    workspace_settings.page,
    route="/settings/workspace",
    title="Workspace · Seamwatch",
    on_load=[SessionState.load, WorkspaceSettingsState.load],
)
app.add_page(members.page, route="/settings/members", title="Members · Seamwatch", on_load=[SessionState.load, MembersState.load])
app.add_page(tokens.page, route="/settings/tokens", title="Tokens · Seamwatch", on_load=[SessionState.load, TokensState.load])
app.add_page(
    stored_secrets.page, route="/settings/secrets", title="Secrets · Seamwatch", on_load=[SessionState.load, StoredSecretsState.load]
)
app.add_page(engine.page, route="/settings/engine", title="Engine · Seamwatch", on_load=[SessionState.load, EngineViewState.load])
app.add_page(audit_log.page, route="/settings/audit", title="Audit log · Seamwatch", on_load=[SessionState.load, AuditLogState.load])
