import { act, render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { Announcements, announce } from "./announce";
import { Dialog } from "./dialog";

it("tells in the dialog that is open, and in the page again when it is closed", () => {
  const page = (isAsking: boolean) => (
    <>
      <Announcements />
      {isAsking && (
        <Dialog title="Asking" onClose={() => {}}>
          ?
        </Dialog>
      )}
    </>
  );
  const { rerender } = render(page(true));
  act(() => announce("Copied the code."));
  expect(screen.getAllByText("Copied the code.")).toHaveLength(1);
  within(screen.getByRole("dialog")).getByText("Copied the code.");
  rerender(page(false));
  expect(screen.getByRole("status").textContent).toBe("Copied the code.");
});

it("stays open until something in it closes it, when there is no other way", async () => {
  const opened = vi.spyOn(HTMLDialogElement.prototype, "showModal");
  render(
    <Dialog title="Codes" onClose={null}>
      <button type="button">Done</button>
    </Dialog>,
  );
  const dialog = screen.getByRole<HTMLDialogElement>("dialog");
  expect(screen.queryByRole("button", { name: "Close" })).toBeNull();
  await userEvent.keyboard("{Escape}");
  // What a browser does at the second Escape.
  act(() => {
    dialog.close();
    dialog.dispatchEvent(new Event("close"));
  });
  expect(opened).toHaveBeenCalledTimes(2);
  expect(dialog.open).toBe(true);
});
