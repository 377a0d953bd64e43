// Shows the customer's orders in place. Without this script the shop works all the same.
const place = document.querySelector("#orders");
const button = document.querySelector("#show-orders");

button.addEventListener("click", async () => {
  const response = await fetch("/api/orders", { headers: { Accept: "application/json" } });
  if (response.status === 401) {
    location.assign(button.dataset.signIn);
    return;
  }
  const orders = await response.json();
  place.textContent = orders.length
    ? orders.map(({ quantity, product }) => `${quantity} × ${product}`).join(", ")
    : "Nothing ordered yet.";
});
