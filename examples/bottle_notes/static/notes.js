const list = document.querySelector("#notes");
const form = document.querySelector("#new");
const status = document.querySelector("#status");

async function reload() {
  const response = await fetch(NOTES_URL);
  const { notes } = await response.json();
  list.replaceChildren(
    ...notes.map((note) => {
      const item = document.createElement("li");
      item.textContent = note;
      return item;
    }),
  );
  status.textContent = "";
}

async function keep(text) {
  const response = await fetch(NOTES_URL, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ text }),
  });
  if (!response.ok) throw new Error(`The note was refused (${response.status}).`);
  form.reset();
  await reload();
}

function explain(error) {
  status.textContent = `Not up to date: ${error.message}`;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  keep(form.elements.text.value).catch(explain);
});
reload().catch(explain);
