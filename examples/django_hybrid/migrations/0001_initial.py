# ruff: noqa: RUF012 - Django reads these two lists; nothing changes them.
from django.conf import settings
from django.db import migrations, models


def pin_first_cards(apps, schema_editor) -> None:
    card = apps.get_model("board", "Card")
    for text in ("Templates render the page.", "A component makes it alive.", "The API joins the two."):
        card.objects.create(text=text)


class Migration(migrations.Migration):
    initial = True
    dependencies = [migrations.swappable_dependency(settings.AUTH_USER_MODEL)]
    operations = [
        migrations.CreateModel(
            name="Card",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False, auto_created=True, verbose_name="ID")),
                ("text", models.CharField(max_length=200)),
                ("pinned_at", models.DateTimeField(auto_now_add=True)),
                ("owner", models.ForeignKey(null=True, on_delete=models.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={"ordering": ("id",)},
        ),
        migrations.RunPython(pin_first_cards, migrations.RunPython.noop),
    ]
