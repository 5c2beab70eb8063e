import { toast } from "./toast.js";

// copyText says when the browser refuses, as it does on plain HTTP to another machine.
export async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    toast("The browser did not allow copying. Select the text and copy it by hand");
  }
}
