import { Link, useSearch } from "@tanstack/react-router";
import { buttonStyle } from "../../ui/button";
import { Stage } from "../../ui/page";

type Explained = { title: string; text: string };

/** The words that the gateway puts into the address. Any other word gets the last row, and is not shown. */
const KNOWN = new Map<string, Explained>([
  [
    "invalid_state",
    {
      title: "The login took too long",
      text: "It was begun more than five minutes ago, or in another browser. Start again.",
    },
  ],
  ["access_denied", { title: "The login was cancelled", text: "Nothing has happened. You can try again." }],
  [
    "not_authorized",
    {
      title: "You are not known here",
      text: "Your login worked, but nobody has given it access to this gateway. Ask an administrator for an invitation.",
    },
  ],
  [
    "not_allowed",
    {
      title: "This account is from elsewhere",
      text: "Only accounts of your organisation may enter. Use the one from work.",
    },
  ],
  [
    "email_unverified",
    {
      title: "Your e-mail address is not verified",
      text: "Verify it with your identity provider, and sign in again.",
    },
  ],
  ["account_locked", { title: "This account is locked", text: "An administrator can unlock it." }],
  [
    "identity_conflict",
    { title: "This address belongs to another login", text: "An administrator can join the two." },
  ],
  [
    "provider_unavailable",
    {
      title: "Your identity provider does not answer",
      text: "Nothing is wrong with your account. Try again in a moment.",
    },
  ],
  [
    "login_failed",
    {
      title: "Your identity provider did not confirm the login",
      text: "Try again. If it happens each time, an administrator can find the reason in the log.",
    },
  ],
  ["unknown_provider", { title: "There is no such login", text: "Choose one of those on the login page." }],
  ["too_many_attempts", { title: "Too many attempts", text: "Wait a few minutes, then try again." }],
  ["service_unavailable", { title: "The gateway is not ready", text: "Try again in a moment." }],
]);

const OTHERWISE: Explained = {
  title: "You could not be signed in",
  text: "Try again. If it happens each time, an administrator can find the reason in the log.",
};

export function AuthError() {
  const { code, request_id: id } = useSearch({ from: "/narrow/auth/error" });
  const { title, text } = KNOWN.get(code ?? "") ?? OTHERWISE;
  const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id ?? "");
  return (
    <Stage title={title} about={text}>
      <Link to="/login" search={{}} className={buttonStyle("primary", "large")}>
        Back to the login
      </Link>
      {isId && (
        <p className="text-[0.8125rem] text-soft">
          For an administrator: request <span className="font-mono">{id}</span>
        </p>
      )}
    </Stage>
  );
}
