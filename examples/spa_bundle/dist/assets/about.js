export async function show() {
  const text = document.createElement("p");
  text.textContent = "Three quotes, one server: the API under /api, the frontend everywhere else.";
  return text;
}
