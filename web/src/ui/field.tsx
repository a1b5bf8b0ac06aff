import { type ComponentProps, type ReactNode, useId } from "react";

const BOX =
  "w-full h-10 rounded-lg border border-edge bg-panel px-3 text-ink placeholder:text-soft/80 aria-invalid:border-bad disabled:opacity-60";

type Shared = { label: string; hint?: ReactNode; error?: string | null; className?: string };

function Frame({
  id,
  label,
  hint,
  error,
  className = "",
  children,
}: Shared & { id: string; children: ReactNode }) {
  return (
    <div className={`grid gap-1.5 ${className}`}>
      <label htmlFor={id} className="text-sm font-medium">
        {label}
      </label>
      {children}
      {hint && (
        <p id={`${id}-hint`} className="text-[0.8125rem] text-soft">
          {hint}
        </p>
      )}
      {error && (
        <p id={`${id}-error`} className="text-[0.8125rem] font-medium text-bad" role="alert">
          {error}
        </p>
      )}
    </div>
  );
}

const described = (id: string, { hint, error }: Shared) => ({
  id,
  "aria-invalid": error ? true : undefined,
  "aria-describedby": [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined,
});

type InputProps = Shared & Omit<ComponentProps<"input">, "id" | "className"> & { mono?: boolean };

export function Input({ label, hint, error, className, mono, ...rest }: InputProps) {
  const id = useId();
  const shared = { label, hint, error: error ?? null };
  return (
    <Frame id={id} {...shared} className={className ?? ""}>
      <input
        autoComplete="off"
        spellCheck={false}
        {...rest}
        {...described(id, shared)}
        className={`${BOX} ${mono ? "font-mono tracking-wider" : ""}`}
      />
    </Frame>
  );
}

type SelectProps = Shared & Omit<ComponentProps<"select">, "id" | "className">;

export function Select({ label, hint, error, className, children, ...rest }: SelectProps) {
  const id = useId();
  const shared = { label, hint, error: error ?? null };
  return (
    <Frame id={id} {...shared} className={className ?? ""}>
      <select {...rest} {...described(id, shared)} className={BOX}>
        {children}
      </select>
    </Frame>
  );
}

type CheckboxProps = { label: string; hint?: string } & Omit<
  ComponentProps<"input">,
  "id" | "type" | "className"
>;

export function Checkbox({ label, hint, ...rest }: CheckboxProps) {
  const id = useId();
  return (
    <div className="flex items-start gap-2.5">
      <input
        {...rest}
        id={id}
        type="checkbox"
        aria-describedby={hint ? `${id}-hint` : undefined}
        className="mt-1 size-4 shrink-0 accent-accent"
      />
      <div>
        <label htmlFor={id} className="text-sm font-medium">
          {label}
        </label>
        {hint && (
          <p id={`${id}-hint`} className="text-[0.8125rem] text-soft">
            {hint}
          </p>
        )}
      </div>
    </div>
  );
}
