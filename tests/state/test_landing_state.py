"""The examples of the start page."""

from app.services.instance import DemoTarget
from app.state.landing import _cards


def test_the_variants_of_an_example_stand_on_one_card():
    cards = _cards(
        [
            DemoTarget("Notes", "http://127.0.0.1:1/", "http://127.0.0.1:2", "Bottle and a template"),
            DemoTarget("Notes, broken", "http://127.0.0.1:3/", "http://127.0.0.1:4", "Nobody thought of CORS."),
            DemoTarget("Chat", "http://127.0.0.1:5/", "", "Flask-SocketIO"),
        ]
    )
    assert [(card.name, [variant.word for variant in card.variants]) for card in cards] == [
        ("Notes", ["in order", "broken"]),
        ("Chat", ["in order"]),
    ]
    assert [variant.description for variant in cards[0].variants] == ["", "Nobody thought of CORS."]
    assert cards[0].variants[1].page_url == "http://127.0.0.1:3/"
