// <pin-board>: takes the cards that the template rendered over, and keeps them up to date by the API.
const CARDS = "/api/cards";

function csrfToken() {
  return document.querySelector("[name=csrfmiddlewaretoken]").value;
}

async function checked(response) {
  if (!response.ok) throw new Error(`The API answered ${response.status}.`);
  return response;
}

class PinBoard extends HTMLElement {
  connectedCallback() {
    this.cards = JSON.parse(document.querySelector("#cards").textContent);
    this.render();
    this.refresh().catch((error) => this.explain(error));
  }

  async refresh() {
    const response = await checked(await fetch(CARDS));
    this.cards = await response.json();
    this.render();
  }

  async add(text) {
    await checked(
      await fetch(CARDS, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRFToken": csrfToken() },
        body: JSON.stringify({ text }),
      }),
    );
    await this.refresh();
  }

  async remove(id) {
    await checked(await fetch(`${CARDS}/${id}`, { method: "DELETE", headers: { "X-CSRFToken": csrfToken() } }));
    await this.refresh();
  }

  explain(error) {
    this.querySelector("[role=status]").textContent = error.message;
  }

  render() {
    const list = document.createElement("ul");
    for (const { id, text, owner } of this.cards) {
      const item = document.createElement("li");
      item.textContent = text;
      if (owner && owner === this.dataset.user) {
        const button = document.createElement("button");
        button.textContent = "Unpin";
        button.addEventListener("click", () => this.remove(id).catch((error) => this.explain(error)));
        item.append(button);
      }
      list.append(item);
    }
    if (this.list) {
      this.list.replaceWith(list); // the list alone: what is typed meanwhile stays, and a click on its way arrives
      this.explain({ message: "" });
    } else {
      const status = document.createElement("p");
      status.setAttribute("role", "status");
      this.replaceChildren(list, ...(this.dataset.user ? [this.form()] : []), status);
    }
    this.list = list;
  }

  form() {
    const form = document.createElement("form");
    form.innerHTML = '<label>New card <input name="text" required maxlength="200"></label><button>Pin</button>';
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.add(form.elements.text.value).then(() => form.reset(), (error) => this.explain(error));
    });
    return form;
  }
}

customElements.define("pin-board", PinBoard);
