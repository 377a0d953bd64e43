"""A shop in Flask and Jinja2, with a database through SQLAlchemy; rendered on the server, with one small script.

    python -m examples.flask_shop.app [--port 5101] [--broken]

Browsing, signing in and buying are links and forms (POST with a CSRF token). The script adds one thing: it shows the
customer's orders without leaving the page, by GET /api/orders, which needs a session.

--fault login    The API's guard is the pages' guard: whoever is not signed in is redirected to the sign-in page. fetch()
                 follows and gets HTML with status 200 where the script expects JSON (API-03).
"""

import functools
import secrets
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, abort, flash, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from examples.serving import LOOPBACK, parse_options

FAULTS = {"login": "the API redirects to the sign-in page instead of answering 401 (API-03)"}


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class Product(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    about: Mapped[str]
    price_cents: Mapped[int]
    stock: Mapped[int]


class Order(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    customer: Mapped[str] = mapped_column(index=True)
    product_id: Mapped[int] = mapped_column(ForeignKey(Product.id))
    quantity: Mapped[int]
    ordered_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    product: Mapped[Product] = relationship(lazy="joined")


STOCK: tuple[dict[str, Any], ...] = (
    {"name": "Bread knife", "about": "Serrated, 24 cm, beech handle.", "price_cents": 3450, "stock": 12},
    {"name": "Enamel mug", "about": "Holds 0.4 l. Survives campfires.", "price_cents": 1290, "stock": 40},
    {"name": "Linen apron", "about": "With a pocket for the timer.", "price_cents": 4900, "stock": 7},
    {"name": "Kitchen timer", "about": "Mechanical. It ticks.", "price_cents": 1875, "stock": 0},
)


def euros(cents: int) -> str:
    """Return an amount as the shop shows it: "€12.90"."""
    return f"€{cents / 100:,.2f}"


def create_app(database: Path, fault: str = "") -> Flask:
    """Build the shop on an SQLite file, which is filled when it is new."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=secrets.token_hex(),
        SESSION_COOKIE_SAMESITE="Lax",
        SQLALCHEMY_DATABASE_URI=f"sqlite:///{database}",
    )
    app.add_template_filter(euros)
    db.init_app(app)
    with app.app_context():
        db.create_all()
        if db.session.scalar(db.select(Product.id).limit(1)) is None:
            db.session.add_all(Product(**row) for row in STOCK)
            db.session.commit()

    @app.context_processor
    def csrf() -> dict[str, Any]:
        """Give every template `csrf_token`, one a session, made when a form first asks for it."""

        def csrf_token() -> str:
            return session.setdefault("csrf_token", secrets.token_urlsafe(24))

        return {"csrf_token": csrf_token}

    @app.before_request
    def check_csrf() -> None:
        if request.method == "POST":
            expected = session.get("csrf_token", "")
            if not expected or not secrets.compare_digest(expected, request.form.get("csrf_token", "")):
                abort(400, "The form has expired. Go back, reload the page and send it again.")

    def customer_only(view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
        """Let nobody in who is not signed in: a page sends them to sign in, the API says 401."""

        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            if "customer" in session:
                return view(*args, **kwargs)
            if request.path.startswith("/api/") and fault != "login":
                return jsonify(error="Sign in first."), 401
            return redirect(url_for("sign_in", next=request.path))

        return guarded

    @app.get("/")
    def catalogue() -> str:
        return render_template("catalogue.html", products=db.session.scalars(db.select(Product).order_by(Product.name)))

    @app.get("/products/<int:product_id>")
    def product(product_id: int) -> str:
        return render_template("product.html", product=db.get_or_404(Product, product_id))

    @app.post("/products/<int:product_id>/order")
    @customer_only
    def order(product_id: int) -> ResponseReturnValue:
        product = db.get_or_404(Product, product_id)
        quantity = request.form.get("quantity", type=int, default=0)
        if not 1 <= quantity <= product.stock:
            flash(f"We have {product.stock} of these.")
            return redirect(url_for("product", product_id=product_id))
        product.stock -= quantity
        values: dict[str, Any] = {"customer": session["customer"], "product_id": product_id, "quantity": quantity}
        db.session.add(Order(**values))
        db.session.commit()
        flash(f"{quantity} × {product.name} is on its way.")
        return redirect(url_for("catalogue"))

    @app.route("/login", methods=["GET", "POST"])
    def sign_in() -> ResponseReturnValue:
        """Sign in with a name and no password: it is an example, and keeps nothing that needs one."""
        name = request.form.get("name", "").strip()[:40]
        if request.method == "GET" or not name:
            return render_template("login.html")
        session["customer"] = name
        target = request.args.get("next", "")
        # Only a path of ours: "//elsewhere.example" would lead off the site.
        return redirect(target if target.startswith("/products/") else url_for("catalogue"))

    @app.post("/logout")
    def sign_out() -> ResponseReturnValue:
        session.clear()
        return redirect(url_for("catalogue"))

    @app.get("/api/orders")
    @customer_only
    def orders() -> ResponseReturnValue:
        mine = db.select(Order).where(Order.customer == session["customer"]).order_by(Order.id.desc())
        rows = db.session.scalars(mine)
        return jsonify([{"id": row.id, "product": row.product.name, "quantity": row.quantity} for row in rows])

    return app


def main(argv: list[str] | None = None) -> None:
    options = parse_options(argv, about=__doc__, port=5101, faults=FAULTS)
    with tempfile.TemporaryDirectory(prefix="flask-shop-") as folder:
        app = create_app(Path(folder) / "shop.sqlite3", options.fault)
        app.run(host=LOOPBACK, port=options.port)


if __name__ == "__main__":
    main()
