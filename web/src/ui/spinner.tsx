export function Spinner() {
  return (
    <span
      aria-hidden="true"
      className="size-4 shrink-0 animate-spin rounded-full border-2 border-current border-r-transparent"
    />
  );
}

/** For what has not arrived yet. Says so once to those who cannot see it. */
export function Loading({ what }: { what: string }) {
  return (
    <div className="flex items-center gap-3 py-6 text-soft" role="status">
      <Spinner />
      <span>Loading {what}…</span>
    </div>
  );
}
