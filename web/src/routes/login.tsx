import { useMutation, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { KeyRound, LogIn } from "lucide-react";
import { useEffect } from "react";
import { callPlainly } from "../api/http";
import type { Info, Providers } from "../api/types";
import { Or } from "../auth/proof-form";
import { safeReturn } from "../auth/return-to";
import { assert, type RequestOptions, supported } from "../auth/webauthn";
import { reports } from "../report/reports";
import { Button, buttonStyle } from "../ui/button";
import { Callout } from "../ui/callout";
import { Stage } from "../ui/page";
import { Problem } from "../ui/problem";
import { Loading } from "../ui/spinner";

export function Login() {
  const { returnTo: wanted } = useSearch({ from: "/narrow/login" });
  const returnTo = safeReturn(wanted);
  useLeaveWhenLoggedIn(returnTo);
  const ways = useQuery({
    queryKey: ["providers"],
    queryFn: async () => {
      const ways = await callPlainly<Providers>("GET", "/auth/providers");
      reports.learn(ways.sentry);
      return ways;
    },
  });
  return (
    <Stage
      title="Sign in"
      about={wanted ? "Sign in to go on where you were." : "Access to racks, registries and services."}
    >
      {ways.isPending && <Loading what="the ways to sign in" />}
      <Problem error={ways.error} retry={() => void ways.refetch()} />
      {ways.data && <Ways ways={ways.data} returnTo={returnTo} />}
    </Stage>
  );
}

/** Somebody who is logged in has nothing to do here. */
function useLeaveWhenLoggedIn(returnTo: string): void {
  const navigate = useNavigate();
  useEffect(() => {
    let here = true;
    callPlainly<Info>("GET", "/info").then(
      () => {
        if (here) void navigate({ href: returnTo, replace: true });
      },
      () => {},
    );
    return () => {
      here = false;
    };
  }, [navigate, returnTo]);
}

function Ways({ ways, returnTo }: { ways: Providers; returnTo: string }) {
  // Nobody can have one before there is anybody.
  const hasPasskey = ways.passkey && supported() && !ways.first_run;
  return (
    <>
      {ways.first_run && (
        <Callout title="This gateway is new">
          It has no administrator yet. When it started, the gateway wrote a link into its log; it begins with{" "}
          <code className="font-mono text-[0.8125rem] break-all">{location.origin}/app/welcome</code>. Open it
          to become the first.
        </Callout>
      )}
      {ways.providers.map((provider) => (
        <a
          key={provider.id}
          href={`/api/v1/auth/web/login?${new URLSearchParams({ provider: provider.id, returnTo })}`}
          className={buttonStyle("primary", "large")}
        >
          <LogIn aria-hidden="true" className="size-[1.1rem]" />
          Continue with {provider.name}
        </a>
      ))}
      {hasPasskey && ways.providers.length > 0 && <Or />}
      {hasPasskey && (
        <PasskeyLogin kind={ways.providers.length > 0 ? "secondary" : "primary"} returnTo={returnTo} />
      )}
      {ways.passkey && !supported() && !ways.first_run && (
        <Callout tone="warn">This browser cannot use passkeys at this address. They need https.</Callout>
      )}
      {ways.providers.length === 0 && !ways.passkey && !ways.first_run && (
        <Callout tone="warn" title="There is no way to sign in yet">
          Whoever runs this gateway must configure a provider of logins, or an address with https for
          passkeys.
        </Callout>
      )}
      {!ways.first_run && (
        <p className="text-[0.8125rem] text-soft">
          No account? Ask an administrator of this gateway for an invitation.
        </p>
      )}
    </>
  );
}

type Started = { handle: string; options: RequestOptions };

function PasskeyLogin({ kind, returnTo }: { kind: "primary" | "secondary"; returnTo: string }) {
  const login = useMutation({
    mutationFn: async () => {
      const { handle, options } = await callPlainly<Started>("POST", "/auth/passkey/start");
      const credential = await assert(options);
      await callPlainly("POST", "/auth/passkey/finish", { handle, credential });
    },
    onSuccess: () => location.assign(returnTo),
  });
  return (
    <>
      <Button
        kind={kind}
        size="large"
        pending={login.isPending || login.isSuccess}
        icon={<KeyRound aria-hidden="true" className="size-[1.1rem]" />}
        onClick={() => login.mutate()}
      >
        Sign in with a passkey
      </Button>
      <Problem error={login.error} />
    </>
  );
}
