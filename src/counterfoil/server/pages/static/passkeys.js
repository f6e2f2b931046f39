// Passkeys (WebAuthn Level 3). Every page works without this file: it shows what needs it.

const KINDS = {
  create: {
    parser: "parseCreationOptionsFromJSON",
    run: (request) => navigator.credentials.create(request),
  },
  get: {
    parser: "parseRequestOptionsFromJSON",
    run: (request) => navigator.credentials.get(request),
  },
};

/** A form that carries a browser's answer to the server. */
class PasskeyForm {
  constructor(form) {
    this.form = form;
    this.kind = KINDS[form.dataset.passkey];
    this.status = form.querySelector("[data-passkey-status]");
    this.running = null;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask({});
    });
  }

  get isAble() {
    const known = window.PublicKeyCredential;
    return Boolean(window.isSecureContext && known && known[this.kind.parser]);
  }

  /** Show the form, and have the browser propose passkeys where the e-mail is typed. */
  async start() {
    for (const sentence of this.form.querySelectorAll("[data-passkey-without]")) sentence.hidden = true;
    if (!this.isAble) {
      this.say("unable");
      return;
    }
    this.form.hidden = false;
    const proposes = window.PublicKeyCredential.isConditionalMediationAvailable;
    const where = document.querySelector("[autocomplete~=webauthn]");
    if (where && this.form.dataset.passkey === "get" && proposes && (await proposes.call(PublicKeyCredential))) {
      await this.ask({ mediation: "conditional" });
    }
  }

  async ask(how) {
    if (!this.isAble) {
      this.say("unable");
      return;
    }
    this.running?.abort();
    const running = new AbortController();
    this.running = running;
    const silent = how.mediation === "conditional";
    if (!silent) this.say("waiting");
    try {
      const options = JSON.parse(this.form.dataset.options);
      const publicKey = PublicKeyCredential[this.kind.parser](options);
      const credential = await this.kind.run({ publicKey, signal: running.signal, ...how });
      if (credential) this.send(credential);
    } catch (error) {
      if (!silent && this.running === running) this.say(wordFor(error));
    }
  }

  send(credential) {
    this.form.elements.credential.value = JSON.stringify(credential.toJSON());
    const keep = document.getElementById("keep");
    if (keep && this.form.elements.keep) this.form.elements.keep.value = keep.checked ? "yes" : "";
    this.form.submit();
  }

  say(word) {
    if (this.status) this.status.textContent = this.status.dataset[word] ?? "";
  }
}

function wordFor(error) {
  switch (error.name) {
    case "AbortError":
    case "NotAllowedError":
      return "cancelled";
    case "InvalidStateError":
      return "known";
    case "SecurityError":
      return "elsewhere";
    default:
      return "failed";
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  new PasskeyForm(form).start();
}
