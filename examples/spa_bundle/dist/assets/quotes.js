const API = "%API%"; // written in by the build

export async function show() {
  const response = await fetch(`${API}/quotes`);
  const quotes = await response.json();
  const list = document.createElement("div");
  for (const { text, author } of quotes) {
    const quote = document.createElement("blockquote");
    const by = document.createElement("footer");
    by.textContent = author;
    quote.append(text, by);
    list.append(quote);
  }
  return list;
}
