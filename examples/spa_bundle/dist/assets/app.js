const root = document.querySelector("#root");

// Each route's code is a chunk of its own, loaded when the route is shown.
const routes = {
  "/": async () => (await import("./quotes.js")).show(),
  "/about": async () => (await import("./about.js")).show(),
};

function frame(content) {
  const main = document.createElement("main");
  const nav = document.createElement("nav");
  for (const [path, label] of [["/", "Quotes"], ["/about", "About"]]) {
    const link = document.createElement("a");
    link.href = path;
    link.textContent = label;
    if (path === location.pathname) link.setAttribute("aria-current", "page");
    nav.append(link);
  }
  main.append(nav, content);
  root.replaceChildren(main);
}

async function render() {
  const route = routes[location.pathname] ?? routes["/"];
  try {
    frame(await route());
  } catch (error) {
    const message = document.createElement("p");
    message.className = "bad";
    message.textContent = error.message;
    frame(message);
  }
}

root.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || link.origin !== location.origin) return;
  event.preventDefault();
  history.pushState(null, "", link.href);
  render();
});
addEventListener("popstate", render);
render();
