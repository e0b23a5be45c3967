// The key: asked for only where the server wants one, once for all requests that wait for it.

import { by } from "./element.js";

let asking = null;

/** Return the key that a person gives; `wrong` says that the one before is not known to the server. */
export function askForKey(wrong) {
  asking ??= given(wrong).finally(() => {
    asking = null;
  });
  return asking;
}

function given(wrong) {
  const [dialog, field] = [by("key"), by("key-field")];
  by("key-trouble").hidden = !wrong;
  field.value = dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    // Without a key nothing works here: a dialog that was only closed comes back.
    dialog.onclose = () => (dialog.returnValue === "given" ? resolve(field.value.trim()) : dialog.showModal());
  });
}
