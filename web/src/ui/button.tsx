import type { ComponentProps, ReactNode } from "react";
import { Spinner } from "./spinner";

type Kind = "primary" | "secondary" | "quiet" | "danger" | "destroy";
type Size = "normal" | "small" | "large";

const KINDS: Record<Kind, string> = {
  primary: "bg-accent text-on-accent hover:bg-accent-strong shadow-card border-transparent",
  secondary: "bg-panel text-ink border-edge/60 hover:border-edge hover:bg-sunken shadow-card",
  quiet: "text-soft border-transparent hover:text-ink hover:bg-sunken",
  danger: "text-bad border-transparent hover:bg-bad-wash",
  destroy: "bg-bad text-on-bad hover:bg-bad-strong shadow-card border-transparent",
};

const SIZES: Record<Size, string> = {
  small: "h-8 px-2.5 text-[0.8125rem] rounded-md gap-1.5",
  normal: "h-10 px-4 text-sm rounded-lg gap-2",
  large: "h-12 px-5 text-[0.9375rem] rounded-lg gap-2.5",
};

export function buttonStyle(kind: Kind = "secondary", size: Size = "normal"): string {
  const base =
    "inline-flex items-center justify-center border font-medium whitespace-nowrap select-none transition-colors disabled:opacity-55";
  return `${base} ${KINDS[kind]} ${SIZES[size]}`;
}

type Props = ComponentProps<"button"> & {
  kind?: Kind;
  size?: Size;
  icon?: ReactNode;
  /** While it works it cannot be pressed again, and says so. */
  pending?: boolean;
};

export function Button({
  kind,
  size,
  icon,
  pending = false,
  className = "",
  children,
  disabled,
  ...rest
}: Props) {
  return (
    <button
      type="button"
      {...rest}
      disabled={disabled || pending}
      aria-busy={pending || undefined}
      className={`${buttonStyle(kind, size)} ${className}`}
    >
      {pending ? <Spinner /> : icon}
      {children}
    </button>
  );
}
