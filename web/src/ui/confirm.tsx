import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Button } from "./button";
import { Actions, Dialog } from "./dialog";
import { Problem } from "./problem";

type Props = {
  title: string;
  about: ReactNode;
  verb: string;
  act: () => Promise<unknown>;
  onDone: () => void;
  onClose: () => void;
};

/** Asks before something that cannot be taken back. */
export function Confirm({ title, about, verb, act, onDone, onClose }: Props) {
  const doing = useMutation({
    mutationFn: act,
    onSuccess: () => {
      onClose();
      onDone();
    },
  });
  return (
    <Dialog title={title} about={about} onClose={onClose}>
      <Problem error={doing.error} />
      <Actions>
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="destroy" pending={doing.isPending} onClick={() => doing.mutate()}>
          {verb}
        </Button>
      </Actions>
    </Dialog>
  );
}
