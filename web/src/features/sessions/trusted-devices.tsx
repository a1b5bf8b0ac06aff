import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Laptop } from "lucide-react";
import { remove } from "../../api/http";
import type { TrustedDevice } from "../../api/types";
import { describeAgent } from "../../lib/agent";
import { announce } from "../../ui/announce";
import { Button } from "../../ui/button";
import { Row, Rows, Section } from "../../ui/card";
import { Problem } from "../../ui/problem";
import { When } from "../../ui/time";

/** Nothing is shown when there is none: it is no task to have some. */
export function TrustedDevices({ devices }: { devices: TrustedDevice[] }) {
  const client = useQueryClient();
  const forget = useMutation({
    mutationFn: (id: string) => remove(`/auth/mfa/trusted-devices/${encodeURIComponent(id)}`),
    onSuccess: () => {
      announce("The device is not trusted any more.");
      return client.invalidateQueries({ queryKey: ["mfa"] });
    },
  });
  if (devices.length === 0) return null;
  return (
    <Section title="Trusted devices" about="On these, a login does not ask for a second factor.">
      <Problem error={forget.error} />
      <Rows label="Trusted devices">
        {devices.map((device) => {
          const name = describeAgent(device.user_agent ?? device.label);
          return (
            <Row
              key={device.id}
              icon={<Laptop className="size-[1.1rem]" />}
              title={name}
              facts={
                <>
                  {device.ip_address && <>{device.ip_address} · </>}trusted <When at={device.created_at} /> ·
                  ends <When at={device.expires_at} />
                </>
              }
              actions={
                <Button
                  kind="danger"
                  size="small"
                  pending={forget.isPending && forget.variables === device.id}
                  onClick={() => forget.mutate(device.id)}
                >
                  Forget<span className="sr-only"> {name}</span>
                </Button>
              }
            />
          );
        })}
      </Rows>
    </Section>
  );
}
