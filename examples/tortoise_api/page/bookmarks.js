const API = "%API%"; // written in by the build

const form = document.querySelector("#new");
const list = document.querySelector("#bookmarks");
const status = document.querySelector("#status");

async function checked(response) {
  if (!response.ok) throw new Error(`The API answered ${response.status}.`);
  return response;
}

async function load() {
  const response = await checked(await fetch(`${API}/api/bookmarks`, { credentials: "include" }));
  const bookmarks = await response.json();
  list.replaceChildren(...bookmarks.map(row));
  status.textContent = bookmarks.length ? "" : "Nothing kept yet.";
}

async function add(bookmark) {
  await checked(
    await fetch(`${API}/api/bookmarks`, {
      method: "POST",
      credentials: "include",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(bookmark),
    }),
  );
  form.reset();
  await load();
}

async function remove(id) {
  await checked(await fetch(`${API}/api/bookmarks/${id}`, { method: "DELETE", credentials: "include" }));
  await load();
}

function row({ id, title, url }) {
  const item = document.createElement("li");
  const link = document.createElement("a");
  link.href = url;
  link.textContent = title;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Remove";
  button.addEventListener("click", () => remove(id).catch(explain));
  item.append(link, button);
  return item;
}

function explain(error) {
  status.className = "bad";
  status.textContent = error.message;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  add(Object.fromEntries(new FormData(form))).catch(explain);
});
load().catch(explain);
