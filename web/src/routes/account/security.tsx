import { useQuery } from "@tanstack/react-query";
import { mfaQuery } from "../../auth/mfa";
import { useInfo } from "../../auth/session";
import { Factors } from "../../features/factors/factors";
import { Sessions } from "../../features/sessions/sessions";
import { TrustedDevices } from "../../features/sessions/trusted-devices";
import { Tokens } from "../../features/tokens/tokens";
import { Callout } from "../../ui/callout";
import { Page } from "../../ui/page";
import { Problem } from "../../ui/problem";
import { Loading } from "../../ui/spinner";

export function Security() {
  const { user } = useInfo();
  const status = useQuery(mfaQuery);
  const isDue = status.data ? status.data.required && !status.data.enrolled : false;
  return (
    <Page
      title={isDue ? "Protect your account" : "Security"}
      about={isDue ? undefined : `How ${user.email} signs in, and what can act as you.`}
    >
      {isDue && (
        <Callout tone="warn" title="Add a second factor to go on">
          This gateway asks everybody for one. A passkey takes ten seconds and also signs you in from now on;
          an authenticator app works too.
        </Callout>
      )}
      {status.isPending && <Loading what="your factors" />}
      <Problem error={status.error} retry={() => void status.refetch()} />
      {status.data && <Factors status={status.data} />}
      {!status.isPending && !isDue && (
        <>
          {status.data && <TrustedDevices devices={status.data.trusted_devices} />}
          <Sessions />
          <Tokens />
        </>
      )}
    </Page>
  );
}
