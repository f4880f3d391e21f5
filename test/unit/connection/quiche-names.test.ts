import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { CoreConfig } from '../../../src/connection/parse-config.ts';
import * as core from '../../../src/core.ts';
import { ApiLink } from '../../support/api-link.ts';

/** Every public name of quiche's functions, `Config` and `Connection`, 0.17 and what came since, to August 2026. */
const QUICHE = {
  functions: `PROTOCOL_VERSION MAX_CONN_ID_LEN MIN_CLIENT_INITIAL_LEN accept accept_with_retry connect connect_with_dcid
    negotiate_version retry version_is_supported Header::from_slice ConnectionId`,
  config: `Config::new load_cert_chain_from_pem_file load_priv_key_from_pem_file load_verify_locations_from_file
    load_verify_locations_from_directory verify_peer grease log_keys set_ticket_key enable_early_data
    set_application_protos set_application_protos_wire_format set_max_idle_timeout set_max_recv_udp_payload_size
    set_max_send_udp_payload_size set_initial_max_data set_initial_max_stream_data_bidi_local
    set_initial_max_stream_data_bidi_remote set_initial_max_stream_data_uni set_initial_max_streams_bidi
    set_initial_max_streams_uni set_ack_delay_exponent set_max_ack_delay set_active_connection_id_limit
    set_disable_active_migration set_cc_algorithm set_cc_algorithm_name set_initial_congestion_window_packets
    enable_hystart enable_pacing set_max_pacing_rate enable_dgram set_max_connection_window set_max_stream_window
    set_stateless_reset_token set_disable_dcid_reuse discover_pmtu set_pmtud_max_probes set_max_amplification_factor
    set_send_capacity_factor set_initial_rtt set_path_challenge_recv_max_queue_len set_enable_send_streams_blocked
    set_enable_relaxed_loss_threshold set_enable_cubic_idle_restart_fix enable_track_unknown_transport_parameters
    with_boring_ssl_ctx_builder set_use_initial_max_data_as_flow_control_win set_custom_bbr_params`,
  connection: `set_keylog set_qlog set_qlog_with_level set_session recv send send_on_path send_quantum
    send_quantum_on_path max_send_udp_payload_size send_ack_eliciting send_ack_eliciting_on_path timeout_instant timeout
    on_timeout pmtu revalidate_pmtu get_next_release_time max_release_into_future pacing_enabled gcongestion_enabled
    stream_recv stream_recv_buf stream_discard stream_send stream_send_zc stream_priority stream_shutdown
    stream_capacity stream_readable stream_readable_len stream_writable stream_finished stream_closed
    peer_streams_left_bidi peer_streams_left_uni stream_init_application_data stream_application_data readable writable
    stream_readable_next stream_writable_next is_readable dgram_recv dgram_recv_vec dgram_recv_buf dgram_recv_peek
    dgram_recv_front_len dgram_recv_queue_len dgram_recv_queue_byte_size dgram_send_queue_len
    dgram_send_queue_byte_size is_dgram_send_queue_full is_dgram_recv_queue_full dgram_send dgram_send_vec
    dgram_send_buf dgram_purge_outgoing dgram_max_writable_len probe_path migrate migrate_source is_path_validated
    path_event_next paths_iter new_source_cid new_scid active_source_cids active_scids max_active_source_cids
    source_cids_left scids_left retire_destination_cid retire_dcid retired_scid_next retired_scids available_dcids
    source_id source_ids destination_id close is_established is_resumed is_in_early_data is_draining is_closed
    is_timed_out is_server peer_error local_error trace_id application_proto server_name peer_cert peer_cert_chain
    session peer_transport_params early_data_reason stats path_stats qlog_streamer set_cc_algorithm_in_handshake
    set_cc_algorithm_name_in_handshake set_initial_congestion_window_packets_in_handshake
    set_enable_relaxed_loss_threshold_in_handshake set_enable_cubic_idle_restart_fix_in_handshake
    set_hystart_in_handshake set_pacing_in_handshake set_max_pacing_rate_in_handshake
    set_max_send_udp_payload_size_in_handshake set_send_capacity_factor_in_handshake set_discover_pmtu_in_handshake
    set_max_idle_timeout_in_handshake set_initial_max_streams_bidi_in_handshake
    set_custom_bbr_settings_in_handshake set_use_initial_max_data_as_flow_control_win_in_handshake`,
};

interface Row {
  section: string;
  quiche: string[];
  ours: string[];
  here: string;
}

const rows = read();

describe('docs/api/quiche.md', () => {
  test('every name of quiche has a row', () => {
    const listed = new Set(rows.flatMap((row) => row.quiche));
    const wanted = Object.values(QUICHE).flatMap((names) => names.split(/\s+/));
    assert.deepEqual(
      wanted.filter((name) => !listed.has(name)),
      [],
    );
  });

  test('what is marked as here exists, and nothing else of what is listed does', () => {
    assert.ok(rows.length > 120);
    for (const { section, ours, here, quiche } of rows) {
      assert.match(here, /^(yes|later|no)$/, quiche.join());
      assert.equal(ours.length === 0, here === 'no', quiche.join());
      for (const name of ours) {
        assert.equal(exists(section, name), here === 'yes', `${quiche.join()}: ${name} is marked "${here}"`);
      }
    }
  });
});

function exists(section: string, text: string): boolean {
  const [name] = text.split('(');
  if (section === 'Config') return isOption(name);
  if (section !== 'Functions and constants') return name in new ApiLink().client;
  let place: unknown = core;
  for (const part of name.split('.')) place = (place as Record<string, unknown> | undefined)?.[part];
  return place !== undefined;
}

function isOption(name: string): boolean {
  try {
    return new CoreConfig({ alpn: ['test'], ...(name === 'alpn' ? {} : { [name]: undefined }) }) !== null;
  } catch (error) {
    assert.match(String(error), /has no option of this name/);
    return false;
  }
}

function read(): Row[] {
  const found: Row[] = [];
  let section = '';
  for (const line of readFileSync('docs/api/quiche.md', 'utf8').split(/\r?\n/)) {
    if (line.startsWith('## ')) section = line.slice(3);
    const cells = line.split('|').map((cell) => cell.trim());
    if (cells.length !== 5 || !cells[1].startsWith('`')) continue;
    const names = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]);
    found.push({ section, quiche: names(cells[1]), ours: names(cells[2]), here: cells[3] });
  }
  return found;
}
