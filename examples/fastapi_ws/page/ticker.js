const scheme = location.protocol === "https:" ? "wss" : "ws";
const ticker = new WebSocket(`${scheme}://${location.host}/ws/ticker`);
const echo = new WebSocket(`${scheme}://${location.host}/ws/echo`);

const form = document.querySelector("#say");
const line = document.querySelector("#line");
const price = document.querySelector("#price");
const status = document.querySelector("#status");
const prices = [];

ticker.onmessage = ({ data }) => {
  const tick = JSON.parse(data);
  prices.push(tick.price);
  if (prices.length > 60) prices.shift();
  price.value = tick.price.toFixed(2);
  line.setAttribute("points", prices.map((value, n) => `${2 * n},${20 - 2 * (value - 100)}`).join(" "));
};
ticker.onopen = () => (status.textContent = "Live.");
ticker.onclose = () => (status.textContent = "The ticker's WebSocket is closed.");

echo.onmessage = ({ data }) => (status.textContent = `The server says: ${data}`);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (echo.readyState === WebSocket.OPEN) echo.send(form.elements.text.value);
});
