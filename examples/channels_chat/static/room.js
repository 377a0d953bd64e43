const scheme = location.protocol === "https:" ? "wss://" : "ws://";
const socket = new WebSocket(scheme + location.host + "/ws/chat/");

const form = document.querySelector("#new");
const messages = document.querySelector("#messages");
const status = document.querySelector("#status");

socket.addEventListener("open", () => (status.textContent = "Connected."));
socket.addEventListener("close", () => (status.textContent = "Disconnected. Reload to try again."));
socket.addEventListener("message", ({ data }) => {
  const { author, text } = JSON.parse(data);
  const item = document.createElement("li");
  const name = document.createElement("strong");
  name.textContent = author;
  item.append(name, ` ${text}`);
  messages.append(item);
  item.scrollIntoView({ block: "nearest" });
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ author: form.elements.author.value, text: form.elements.text.value }));
  form.elements.text.value = "";
});
