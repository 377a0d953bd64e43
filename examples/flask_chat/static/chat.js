import { SocketIO } from "./socketio.js";

const form = document.querySelector("#new");
const messages = document.querySelector("#messages");
const status = document.querySelector("#status");

const chat = new SocketIO({
  onEvent(name, message) {
    if (name !== "message") return;
    const item = document.createElement("li");
    const author = document.createElement("strong");
    author.textContent = message.author;
    item.append(author, ` ${message.text}`);
    messages.append(item);
    item.scrollIntoView({ block: "nearest" });
  },
  onState(state, transport) {
    status.textContent = state === "open" ? `Connected by ${transport}.` : "Disconnected. Reload to try again.";
  },
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  chat.emit("message", { author: form.elements.author.value, text: form.elements.text.value });
  form.elements.text.value = "";
});

chat.connect();
