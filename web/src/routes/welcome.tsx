import { useMutation, useQuery } from "@tanstack/react-query";
import { Link as RouterLink } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { ApiError } from "../api/error";
import { callPlainly } from "../api/http";
import type { Link } from "../api/types";
import { safeReturn } from "../auth/return-to";
import { Button, buttonStyle } from "../ui/button";
import { Input } from "../ui/field";
import { Stage } from "../ui/page";
import { Problem } from "../ui/problem";
import { Loading } from "../ui/spinner";
import { When } from "../ui/time";

/** The secret stands after the `#`, which browsers send to nobody. It is taken out of the address at once. */
function takeSecret(): string {
  const secret = location.hash.slice(1);
  if (secret) history.replaceState(history.state, "", location.pathname);
  return /^[\w.~-]{1,200}$/.test(secret) ? secret : "";
}

export function Welcome() {
  const [secret] = useState(takeSecret);
  return secret ? <Invited secret={secret} /> : <Invalid />;
}

function Invited({ secret }: { secret: string }) {
  const address = `/auth/links/${encodeURIComponent(secret)}`;
  const link = useQuery({
    queryKey: ["link"],
    queryFn: () => callPlainly<Link>("GET", address),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (link.isPending) {
    return (
      <Stage title="Welcome">
        <Loading what="your invitation" />
      </Stage>
    );
  }
  if (link.error instanceof ApiError && [400, 404, 410].includes(link.error.status)) return <Invalid />;
  if (!link.data) {
    return (
      <Stage title="Welcome">
        <Problem error={link.error} retry={() => void link.refetch()} />
      </Stage>
    );
  }
  return <Accept link={link.data} address={address} />;
}

const WORDS: Record<Link["kind"], { title: string; accept: string }> = {
  bootstrap: { title: "Set up your gateway", accept: "Become administrator" },
  invitation: { title: "You are invited", accept: "Accept the invitation" },
  enrolment: { title: "Your way in", accept: "Sign in" },
};

type Wanted = { name?: string; email?: string };

function Accept({ link, address }: { link: Link; address: string }) {
  const isFirst = link.kind === "bootstrap";
  const [name, setName] = useState(link.name ?? "");
  const [email, setEmail] = useState(link.email ?? "");
  const accept = useMutation({
    mutationFn: (wanted: Wanted) => callPlainly<{ redirect: string }>("POST", address, wanted),
    onSuccess: ({ redirect }) => location.assign(safeReturn(redirect)),
  });
  const field = accept.error instanceof ApiError ? accept.error.field : null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const wanted: Wanted = name.trim() ? { name: name.trim() } : {};
    accept.mutate(isFirst ? { ...wanted, email: email.trim() } : wanted);
  };
  const words = WORDS[link.kind];
  return (
    <Stage
      title={words.title}
      about={
        isFirst ? (
          "You become its first administrator. Others can be invited afterwards."
        ) : (
          <>
            As <strong className="font-semibold text-ink">{link.email}</strong>. The link works once, and ends{" "}
            <When at={link.expires_at} />.
          </>
        )
      }
    >
      <form className="grid gap-4" onSubmit={submit}>
        {isFirst && (
          <Input
            label="Your e-mail address"
            type="email"
            autoComplete="email"
            required
            maxLength={254}
            value={email}
            error={field === "email" && accept.error ? accept.error.message : null}
            onChange={(event) => setEmail(event.target.value)}
          />
        )}
        <Input
          label="Your name"
          autoComplete="name"
          required
          maxLength={100}
          value={name}
          error={field === "name" && accept.error ? accept.error.message : null}
          onChange={(event) => setName(event.target.value)}
        />
        {!["email", "name"].includes(field ?? "") && <Problem error={accept.error} />}
        <Button type="submit" kind="primary" size="large" pending={accept.isPending || accept.isSuccess}>
          {words.accept}
        </Button>
        <p className="text-[0.8125rem] text-soft">
          Next you add a passkey, so that only you can sign in as you.
        </p>
      </form>
    </Stage>
  );
}

function Invalid() {
  return (
    <Stage
      title="This link does not work"
      about="It may have been used already, or be too old, or not be whole. Ask whoever sent it for a new one."
    >
      <RouterLink to="/login" search={{}} className={buttonStyle("secondary", "large")}>
        Go to the login
      </RouterLink>
    </Stage>
  );
}
