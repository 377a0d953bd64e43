// The API's address is written in by the build, as a bundler does with an environment variable.
const API = "%API%";

const rows = document.querySelector("#rows");
const status = document.querySelector("#status");
const summary = document.querySelector("#summary");

async function json(response) {
  if (!response.ok) throw new Error(`The API answered ${response.status}.`);
  return response.json();
}

function report(work, done) {
  return async () => {
    try {
      await work();
      status.className = "good";
      status.textContent = done;
    } catch (error) {
      status.className = "bad";
      status.textContent = error.message;
    }
  };
}

async function list() {
  render(await fetch(`${API}/api/data`).then(json));
}

async function summarise() {
  const figures = await fetch(`${API}/api/data/summary`, { headers: { "X-Client": "measurements/1.0" } }).then(json);
  summary.textContent = `${figures.count} stations, ${figures.mean_celsius} °C on average`;
}

async function change(id, celsius) {
  await fetch(`${API}/api/data/${id}`, {
    method: "PUT",
    headers: { "Content-Type": "application/json", "X-Client": "measurements/1.0" },
    body: JSON.stringify({ celsius }),
  }).then(json);
  await refresh();
}

async function remove(id) {
  const response = await fetch(`${API}/api/data/${id}`, { method: "DELETE" });
  if (!response.ok) throw new Error(`The API answered ${response.status}.`);
  await refresh();
}

function button(label, work, done) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = label;
  element.addEventListener("click", report(work, done));
  return element;
}

function render(measurements) {
  rows.replaceChildren(
    ...measurements.map(({ id, station, celsius }) => {
      const row = document.createElement("tr");
      const name = document.createElement("td");
      name.textContent = station;
      const cell = document.createElement("td");
      cell.className = "number";
      const input = document.createElement("input");
      input.type = "number";
      input.step = "0.25";
      input.value = celsius;
      input.setAttribute("aria-label", `°C at ${station}`);
      cell.append(input);
      const actions = document.createElement("td");
      actions.className = "actions";
      actions.append(
        button("Save", () => change(id, input.valueAsNumber), `${station} is saved.`),
        button("Delete", () => remove(id), `${station} is gone.`),
      );
      row.append(name, cell, actions);
      return row;
    }),
  );
}

async function refresh() {
  await list();
  await summarise();
}

await report(refresh, "")();
