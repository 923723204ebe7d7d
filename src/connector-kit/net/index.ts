export { createAddressCheck, refuseForbiddenLiteral } from './address-check.ts';
export { createGuardedClient, type GuardedClient } from './guarded-client.ts';
export { findPathFault, toRequestUrl } from './request-path.ts';
export { findFingerprints, SshTunnel } from './ssh-tunnel.ts';
