<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Notes</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="/static/style.css">
</head>
<body>
  <main>
    <h1>Notes</h1>
    <ul id="notes">
      % for note in notes:
      <li>{{note}}</li>
      % end
    </ul>
    <form id="new">
      <label for="text">New note</label>
      <input id="text" name="text" required maxlength="500">
      <button>Keep</button>
    </form>
    <p id="status" role="status"></p>
  </main>
  <script>const NOTES_URL = "{{!api_url}}";</script>
  <script src="/static/notes.js"></script>
</body>
</html>
