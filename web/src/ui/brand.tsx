export function Brand() {
  return (
    <span className="inline-flex items-center gap-2.5">
      <svg viewBox="0 0 32 32" aria-hidden="true" className="size-8">
        <rect width="32" height="32" rx="8" className="fill-accent" />
        <g fill="none" strokeWidth="2.4" strokeLinecap="round" className="stroke-on-accent">
          <path d="M9 23V13a7 7 0 0 1 14 0v10" />
          <path d="M16 14v9" />
          <path d="M7 23h18" />
        </g>
      </svg>
      <span className="text-[1.0625rem] font-semibold tracking-tight">Rack Gateway</span>
    </span>
  );
}
