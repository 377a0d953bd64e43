// The browser's half of the passkey ceremonies: asks the server for options, the browser for a passkey, and tells the server.
"use strict";

(() => {
  const form = document.querySelector("form[data-ceremony]");
  const { ceremony, path, goal, host, home } = form.dataset;
  const button = form.querySelector("button[type=submit]");
  const trouble = document.getElementById("trouble");
  const byCode = document.querySelector("details");
  const otherwise = byCode ? ", or use a recovery code" : "";

  // Credential ids, challenges and keys travel as base64url. PublicKeyCredential.toJSON would do the same, but the objects
  // that extensions of password managers put in its place throw there.
  const fromText = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const toText = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  class Refused extends Error {}

  const say = (text, link) => {
    trouble.textContent = text;
    if (link) {
      const anchor = document.createElement("a");
      anchor.href = link;
      anchor.textContent = link;
      trouble.append(" ", anchor);
    }
  };

  /** Return [why no passkey can be used on this page, where it could], or null. */
  const obstacle = () => {
    const here = `${location.pathname}${location.search}`;
    if (/^[\d.]+$/.test(host) || host.startsWith("[") || host.includes(":"))
      return ["Passkeys need a host name, and this Seamwatch goes by an IP address. Whoever runs it sets SEAMWATCH_PUBLIC_URL."];
    if (location.hostname !== host && !location.hostname.endsWith(`.${host}`))
      return [`Passkeys of this Seamwatch belong to ${host}. Open`, `${home}${here}`];
    if (!window.isSecureContext)
      return ["Passkeys need https, and this page came by http. Whoever runs this Seamwatch sets SEAMWATCH_PUBLIC_URL to https://…"];
    if (!window.PublicKeyCredential || !navigator.credentials)
      return [`This browser knows no passkeys. Use a current one${otherwise}.`];
    return null;
  };

  const post = async (step, body) => {
    let answer;
    try {
      answer = await fetch(`${path}/${step}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
    } catch {
      throw new Refused("Seamwatch does not answer. Check the connection and try again.");
    }
    const said = await answer.json().catch(() => null);
    if (!answer.ok || !said)
      throw new Refused(said?.error?.message ?? `Seamwatch answered with an error (${answer.status}). Load the page again.`);
    return said;
  };

  const described = (list) => (list ?? []).map((one) => ({ ...one, id: fromText(one.id) }));

  const make = async (options) => {
    const made = await navigator.credentials.create({
      publicKey: {
        ...options,
        challenge: fromText(options.challenge),
        user: { ...options.user, id: fromText(options.user.id) },
        excludeCredentials: described(options.excludeCredentials),
      },
    });
    return (
      made && {
        id: made.id,
        rawId: toText(made.rawId),
        type: made.type,
        response: {
          clientDataJSON: toText(made.response.clientDataJSON),
          attestationObject: toText(made.response.attestationObject),
          transports: made.response.getTransports?.() ?? [],
        },
      }
    );
  };

  const show = async (options) => {
    const shown = await navigator.credentials.get({
      publicKey: { ...options, challenge: fromText(options.challenge), allowCredentials: described(options.allowCredentials) },
    });
    return (
      shown && {
        id: shown.id,
        rawId: toText(shown.rawId),
        type: shown.type,
        response: {
          clientDataJSON: toText(shown.response.clientDataJSON),
          authenticatorData: toText(shown.response.authenticatorData),
          signature: toText(shown.response.signature),
          userHandle: shown.response.userHandle?.byteLength ? toText(shown.response.userHandle) : null,
        },
      }
    );
  };

  /** Return what to do about what the browser threw. It says little on purpose: not even whether there is a passkey. */
  const words = (error) => {
    if (error instanceof Refused) return error.message;
    if (ceremony === "make") {
      if (error.name === "InvalidStateError") return "This device holds a passkey of yours already. Use another device or a security key.";
      if (error.name === "ConstraintError" || error.name === "NotSupportedError")
        return "This device cannot check that it is you. Set a PIN, a fingerprint or a face on it, or use another device.";
      if (error.name === "NotAllowedError" || error.name === "AbortError")
        return "No passkey was made: it was cancelled or took too long. Try again when you are ready.";
    }
    if (error.name === "NotAllowedError" || error.name === "AbortError")
      return `No passkey was shown: it was cancelled, took too long, or this device has none for Seamwatch. Try again${otherwise}.`;
    if (error.name === "SecurityError") return `The browser does not allow passkeys for ${host} on this page. Open ${home} and try again.`;
    return `The browser could not use a passkey (${error.name}). Try again${otherwise}.`;
  };

  const busy = (yes) => {
    button.disabled = yes;
    button.setAttribute("aria-busy", String(yes));
    button.dataset.words ??= button.textContent;
    button.textContent = yes ? button.dataset.busy : button.dataset.words;
  };

  const keepCodes = (codes, to) => {
    const element = (id) => document.getElementById(id);
    const text = `${codes.join("\n")}\n`;
    const tell = (id, word) => {
      const before = element(id).textContent;
      element("done").textContent = element(id).textContent = word;
      setTimeout(() => { element(id).textContent = before; element("done").textContent = ""; }, 2000);
    };
    element("codes").replaceChildren(
      ...codes.map((code) => Object.assign(document.createElement("li"), { textContent: code })),
    );
    element("copy").onclick = () => navigator.clipboard.writeText(text).then(
      () => tell("copy", "Copied"),
      () => getSelection().selectAllChildren(element("codes")),  // not allowed: selected, for the keyboard
    );
    element("download").onclick = () => {
      const said = `Recovery codes of Seamwatch at ${home}. Each works once.\n\n${text}`;
      const address = URL.createObjectURL(new Blob([said], { type: "text/plain" }));
      Object.assign(document.createElement("a"), { href: address, download: "seamwatch-recovery-codes.txt" }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    };
    element("print").onclick = () => print();
    element("on").href = to;
    element("ask").hidden = true;
    element("kept").hidden = false;
    const heading = document.querySelector("h1");
    heading.textContent = "Keep your recovery codes";
    document.title = "Keep your recovery codes · Seamwatch";
    heading.tabIndex = -1;
    heading.focus();
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    say("");
    busy(true);
    try {
      const options = await post("begin", {});
      const credential = await (ceremony === "make" ? make(options) : show(options));
      if (!credential) throw new Refused(`The browser gave no passkey. Try again${otherwise}.`);
      const { to, codes } = await post("finish", { credential, next: goal, name: form.elements.namedItem("name")?.value });
      if (codes?.length) keepCodes(codes, to);
      else location.assign(to);  // the button stays busy until the next page is there
    } catch (error) {
      say(words(error));
      busy(false);
    }
  });

  const inTheWay = obstacle();
  if (inTheWay) {
    button.disabled = true;
    say(...inTheWay);
    if (byCode) byCode.open = true;
  }
})();
