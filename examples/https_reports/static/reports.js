const list = document.querySelector("#reports");
const more = document.querySelector("#more");
const status = document.querySelector("#status");
let next = null;

async function first() {
  const response = await fetch("/api/reports");
  ({ next } = await response.json());
  more.hidden = !next;
}

async function follow() {
  const response = await fetch(next);
  const page = await response.json();
  for (const report of page.results) {
    const item = document.createElement("li");
    item.textContent = report;
    list.append(item);
  }
  next = page.next;
  more.hidden = !next;
}

async function check() {
  const response = await fetch(STATUS_URL);
  const { state } = await response.json();
  status.textContent = state;
}

function explain(error) {
  status.className = "bad";
  status.textContent = error.message;
}

more.addEventListener("click", () => follow().catch(explain));
first().catch(explain);
check().catch(explain);
