export { createAddressCheck, refuseForbiddenLiteral } from './address-check.ts';
export { findFingerprints, SshTunnel } from './ssh-tunnel.ts';
