// One call of the frontend, and what became of it, where a test can read it.
async function load() {
  __CALL__
  return response.json();
}

load().then(
  (data) => { document.body.dataset.outcome = JSON.stringify(data); },
  (error) => { document.body.dataset.outcome = `failed: ${error.message}`; },
);
