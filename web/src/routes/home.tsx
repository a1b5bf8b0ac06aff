import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Server, ShieldCheck } from "lucide-react";
import type { Held } from "../api/types";
import { useInfo } from "../auth/session";
import { meQuery } from "../features/me";
import { cliLines, racksQuery } from "../features/racks";
import { Badge } from "../ui/badge";
import { Callout } from "../ui/callout";
import { Empty, Row, Rows, Section } from "../ui/card";
import { CodeBlock } from "../ui/copy";
import { Page } from "../ui/page";
import { Problem } from "../ui/problem";
import { Loading } from "../ui/spinner";
import { When } from "../ui/time";

export function Home() {
  const info = useInfo();
  const first = info.user.name.split(" ")[0];
  return (
    <Page title={first ? `Hello, ${first}` : "Home"} about={`You are signed in as ${info.user.email}.`}>
      {!info.user.mfa_enrolled && (
        <Callout tone="warn" title="You have no second factor">
          <Link to="/account/security" className="font-medium underline underline-offset-4">
            Add a passkey
          </Link>{" "}
          so that nobody else can sign in as you.
        </Callout>
      )}
      <Access />
      <Racks />
    </Page>
  );
}

function Access() {
  const me = useQuery(meQuery);
  return (
    <Section
      title="Your access"
      about="What you hold now. A change by an administrator is in force within a second."
    >
      {me.isPending && <Loading what="your access" />}
      <Problem error={me.error} retry={() => void me.refetch()} />
      {me.data?.grants.length === 0 && (
        <Empty>Nothing yet. Ask an administrator for a role on the rack or app that you work on.</Empty>
      )}
      {me.data && me.data.grants.length > 0 && (
        <Rows label="Your access">
          {me.data.grants.map((grant) => (
            <GrantRow key={`${grant.role} ${grant.target} ${grant.expires_at}`} grant={grant} />
          ))}
        </Rows>
      )}
    </Section>
  );
}

function GrantRow({ grant }: { grant: Held }) {
  return (
    <Row
      icon={<ShieldCheck className="size-[1.1rem]" />}
      title={grant.role}
      badges={<Badge tone="accent">{grant.target === "*" ? "everything" : grant.target}</Badge>}
      facts={
        grant.expires_at ? (
          <>
            ends <When at={grant.expires_at} />
          </>
        ) : (
          "until somebody takes it away"
        )
      }
    />
  );
}

function Racks() {
  const racks = useQuery(racksQuery);
  return (
    <Section
      title="Racks"
      about={
        <>
          Paste these lines into a terminal to use the stock convox command line, with an{" "}
          <Link to="/account/security" className="text-accent-strong underline underline-offset-4">
            API token
          </Link>{" "}
          in place of TOKEN.
        </>
      }
    >
      {racks.isPending && <Loading what="the racks" />}
      <Problem error={racks.error} retry={() => void racks.refetch()} />
      {racks.data?.length === 0 && <Empty>There is none that you may see.</Empty>}
      {racks.data && racks.data.length > 0 && (
        <ul className="grid grid-cols-1 gap-5" aria-label="Racks">
          {racks.data.map((rack) => (
            <li key={rack.name} className="grid grid-cols-1 gap-2.5">
              <p className="flex items-center gap-2 font-medium">
                <Server aria-hidden="true" className="size-[1.1rem] text-soft" />
                {rack.name}
                {rack.default && <Badge>default</Badge>}
              </p>
              <CodeBlock text={cliLines(rack, "TOKEN")} what={`lines for ${rack.name}`} />
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}
