const API = "%API%"; // written in by the build

const list = document.querySelector("#books");
const form = document.querySelector("#new");
const status = document.querySelector("#status");

function say(text, kind = "") {
  status.textContent = text;
  status.className = kind;
}

async function load() {
  const response = await fetch(API + "/api/books");
  if (!response.ok) throw new Error(`The API answered ${response.status}.`);
  const books = await response.json();
  list.replaceChildren(
    ...books.map(({ title, author }) => {
      const item = document.createElement("li");
      const cite = document.createElement("cite");
      cite.textContent = title;
      item.append(cite, ` ${author}`);
      return item;
    }),
  );
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const response = await fetch(API + "/api/books", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(Object.fromEntries(new FormData(form))),
    });
    if (!response.ok) throw new Error(`The API answered ${response.status}.`);
    form.reset();
    await load();
    say("The book is on the shelf.", "good");
  } catch (error) {
    say(error.message, "bad");
  }
});

load().catch((error) => say(error.message, "bad"));
