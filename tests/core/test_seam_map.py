"""The seam map as geometry."""

from app.core.findings import Certainty, SeamKind, Severity
from app.core.report import Part, Seam
from app.core.seam_map import MAX_SEAMS, SEAM_HEIGHT, lay_out

PAGE = Part("page", "page", "Page origin", "app.example")
API = Part("api-1", "api", "API origin", "api.example", "Django")


def seam(part: Part, kind: SeamKind, worst: Severity | None = None, *, blocked: bool = False, certainty=Certainty.OBSERVED) -> Seam:
    findings = ("COR-06",) if worst else ()
    return Seam(f"{kind}-{part.id}", kind, part.id, "a label", worst=worst, blocked=blocked, certainty=certainty, findings=findings)


def test_a_part_is_as_tall_as_its_seams_and_lines_are_that_far_apart():
    drawn = lay_out([PAGE, API], [seam(PAGE, SeamKind.PAGE), seam(API, SeamKind.CORS), seam(API, SeamKind.SESSION)])
    assert [box.height for box in drawn.boxes] == [SEAM_HEIGHT, 2 * SEAM_HEIGHT]
    assert drawn.lines[2].y - drawn.lines[1].y == SEAM_HEIGHT
    assert drawn.browser.y + drawn.browser.height < drawn.height


def test_a_blocked_seam_is_cut_before_the_part_and_opens_its_finding():
    line = lay_out([API], [seam(API, SeamKind.CORS, Severity.HIGH, blocked=True)]).lines[0]
    assert line.paths == (f"M192 {line.y}H695M725 {line.y}H760",)
    assert line.stop_x == 710
    assert (line.look, line.word, line.target) == ("high", "High", "COR-06")


def test_the_worst_finding_sets_the_stroke_and_critical_is_a_double_line():
    looks = {severity: lay_out([API], [seam(API, SeamKind.CORS, severity)]).lines[0] for severity in Severity}
    assert len({(line.width, line.dash, len(line.paths)) for line in looks.values()}) == len(Severity)
    assert len(looks[Severity.CRITICAL].paths) == 2


def test_unknown_is_not_drawn_as_in_order():
    line = lay_out([API], [seam(API, SeamKind.WEBSOCKET, certainty=Certainty.UNKNOWN)]).lines[0]
    assert (line.look, line.word) == ("unknown", "Unknown")


def test_more_seams_than_fit_fold_the_ones_in_order_and_keep_the_troubled():
    parts = [Part(f"p{number}", "api", "API", "x") for number in range(10)]
    seams = [seam(part, SeamKind.API, Severity.HIGH if number == 9 else None) for number, part in enumerate(parts)]
    drawn = lay_out(parts, seams)
    assert len(drawn.lines) == MAX_SEAMS
    assert drawn.folded == 3
    assert drawn.lines[-1].part == "p9"


def test_the_summary_says_how_many_are_blocked():
    drawn = lay_out([PAGE, API], [seam(PAGE, SeamKind.PAGE), seam(API, SeamKind.CORS, Severity.HIGH, blocked=True)])
    assert drawn.summary == "Seam map: 2 seams between the browser and the backend, 1 blocked."


def test_without_a_database_the_lines_take_its_room_and_labels_are_longer():
    long = Seam("cors", SeamKind.CORS, "api-1", "The API allows the wildcard * where calls carry credentials")
    free, beside = lay_out([API], [long]).lines[0], lay_out([API, Part("database", "database", "Database", "")], [long]).lines[0]
    assert (free.x2 > beside.x2, free.label, beside.label.endswith("…")) == (True, long.label, True)


def test_a_database_stands_behind_its_api():
    drawn = lay_out([API, Part("database", "database", "Database", "PostgreSQL")], [seam(API, SeamKind.API)])
    api, database = drawn.boxes
    assert database.x > api.x + api.width
    assert database.y + database.height // 2 == api.y + api.height // 2
