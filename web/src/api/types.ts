/** What the API says, as far as the console reads it. */

export type Info = {
  user: {
    email: string;
    name: string;
    roles: string[];
    mfa_enrolled: boolean;
    mfa_required: boolean;
    preferred_mfa_method: Method | null;
    recent_step_up_expires_at: string | null;
    has_trusted_device: boolean;
  };
  session: { id: string; channel: string; expires_at: string; idle_expires_at: string } | null;
  csrf_token: string | null;
  rack: { name: string; alias: string | null; host: string } | null;
  version: { version: string; commit_hash: string | null };
  sentry: ReportTo | null;
};

/** Where errors in these pages are reported, and under which names. */
export type ReportTo = { dsn: string; environment: string; release: string };

export type Method = "totp" | "webauthn";

export type Rack = { name: string; default: boolean; path: string };

export type Held = { role: string; target: string; expires_at: string | null };
export type Me = { email: string; name: string; token: string | null; grants: Held[]; owner_grants: Held[] };

export type Provider = { id: string; name: string; kind: string };
export type Providers = {
  providers: Provider[];
  passkey: boolean;
  first_run: boolean;
  sentry: ReportTo | null;
};

export type Link = {
  kind: "bootstrap" | "invitation" | "enrolment";
  email: string | null;
  name: string | null;
  expires_at: string;
};

export type Factor = {
  id: string;
  type: Method;
  label: string | null;
  created_at: string;
  confirmed_at: string | null;
  last_used_at: string | null;
};

export type TrustedDevice = {
  id: string;
  label: string | null;
  created_at: string;
  last_used_at: string | null;
  expires_at: string;
  ip_address: string | null;
  user_agent: string | null;
};

export type MfaStatus = {
  enrolled: boolean;
  required: boolean;
  methods: Factor[];
  trusted_devices: TrustedDevice[];
  backup_codes: { total: number; unused: number; last_generated_at: string | null };
  recent_step_up_expires_at: string | null;
  preferred_method: Method | null;
  webauthn_available: boolean;
};

export type Enrolled = { status: string; backup_codes: string[] | null };
export type TotpStart = { method_id: string; secret: string; uri: string; qr_svg: string };
export type Verified = { mfa_verified_at: string; recent_step_up_expires_at: string | null };

export type Session = {
  id: string;
  channel: string;
  method: string;
  created_at: string;
  last_seen_at: string | null;
  expires_at: string;
  ip: string | null;
  user_agent: string | null;
  device_name: string | null;
  current: boolean;
};

export type ApiToken = {
  id: string;
  name: string;
  grants: Held[];
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
};

export type CliRequest = {
  id: string;
  flow: string;
  user_code: string;
  device_name: string | null;
  ip: string;
  /** Whether the request came from where this page is. */
  same_address: boolean;
  user_agent: string | null;
  created_at: string;
  expires_at: string;
};
