"""A FastAPI JSON API, and a fetch page on an origin of its own.

    python -m examples.fastapi_data.app [--port 5109] [--api-port 5110] [--broken]

The page (a static file server) reads, changes and deletes measurements. Page and API differ in their port, so they are
two origins, and each call that is more than a plain GET is preceded by a preflight.

--fault defaults    CORS is switched on with nothing but the origin. Starlette then allows GET alone, and no header beyond
                    the safelisted ones: PUT and DELETE are blocked (COR-07), and so is the header X-Client (COR-06).
"""

from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Response
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel, Field

from examples.serving import LOOPBACK, parse_options, serve_page

FAULTS = {"defaults": "CORSMiddleware with nothing but allow_origins (COR-06, COR-07)"}


class Measurement(BaseModel):
    id: int
    station: str
    celsius: float


class MeasurementChange(BaseModel):
    celsius: float = Field(ge=-90, le=60)


class Summary(BaseModel):
    count: int
    mean_celsius: float | None
    client: str


def create_app(page_origin: str, fault: str = "") -> FastAPI:
    """Build the API for one page's origin ("http://127.0.0.1:5109")."""
    app = FastAPI(title="Measurements")
    if fault == "defaults":
        app.add_middleware(CORSMiddleware, allow_origins=[page_origin])
    else:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[page_origin],
            allow_methods=["GET", "PUT", "DELETE"],
            allow_headers=["Content-Type", "X-Client"],
        )

    stations = ["Harbour", "Old Town", "Observatory", "Botanical Garden"]
    rows = {n: Measurement(id=n, station=station, celsius=11.5 + 1.75 * n) for n, station in enumerate(stations, start=1)}

    def find(measurement_id: int) -> Measurement:
        if measurement_id not in rows:
            raise HTTPException(404, f"There is no measurement {measurement_id}.")
        return rows[measurement_id]

    @app.get("/api/data")
    async def list_measurements() -> list[Measurement]:
        return list(rows.values())

    @app.get("/api/data/summary")
    async def summarise(x_client: Annotated[str, Header()] = "unknown") -> Summary:
        values = [row.celsius for row in rows.values()]
        return Summary(count=len(values), mean_celsius=round(sum(values) / len(values), 2) if values else None, client=x_client)

    @app.get("/api/data/{measurement_id}")
    async def read_measurement(measurement_id: int) -> Measurement:
        return find(measurement_id)

    @app.put("/api/data/{measurement_id}")
    async def change_measurement(measurement_id: int, change: MeasurementChange) -> Measurement:
        rows[measurement_id] = find(measurement_id).model_copy(update=change.model_dump())
        return rows[measurement_id]

    @app.delete("/api/data/{measurement_id}", status_code=204)
    async def delete_measurement(measurement_id: int) -> Response:
        del rows[find(measurement_id).id]
        return Response(status_code=204)

    return app


def main(argv: list[str] | None = None) -> None:
    options = parse_options(argv, about=__doc__, port=5109, api_port=5110, faults=FAULTS)
    serve_page(Path(__file__).parent / "page", options.port, {"API": f"http://{LOOPBACK}:{options.api_port}"})
    print(f"Measurements: http://{LOOPBACK}:{options.port}/", flush=True)
    uvicorn.run(create_app(f"http://{LOOPBACK}:{options.port}", options.fault), host=LOOPBACK, port=options.api_port, log_level="warning")


if __name__ == "__main__":
    main()
