"""An HTTP/1.1 server on an event loop: connections, and the messages on them.

The following always holds of a connection. Below each sentence stand the tests that show it.

Order

- Replies are sent in the order of the requests, and no byte of another comes between those of one.
  test_requests_sent_ahead_are_answered_in_order,
  test_a_piece_is_sent_when_it_is_made_and_no_other_reply_comes_between
- One request is under way. At most 16 more wait, and about 64 KB of their bodies.
  test_too_many_requests_at_once_are_refused_behind_the_answers_to_the_first
- Every request that was let in gets one reply, also for a fault of ours; a refused one no second.
  test_an_answer_that_cannot_be_sent_is_an_error_and_no_silence,
  test_a_streamed_body_that_is_no_http_is_refused_once

Bodies

- A whole request body is complete before its endpoint is called. A streamed one arrives meanwhile;
  an exception tells its reader that it broke off or is too large.
  test_a_streamed_body_is_read_while_it_comes,
  test_a_streamed_body_that_breaks_off_is_an_exception_of_its_reader
- A client is not read from while it is ahead of the reader of its streamed body, of the room in
  memory, or of its own reading.
  test_a_sender_waits_for_a_slow_reader,
  test_a_client_that_does_not_read_is_not_written_for_without_end
- Nothing is asked of the body of a streamed reply while the client does not read.
  test_a_body_waits_for_a_client_that_does_not_read
- A streamed reply that broke off never looks complete, and its body is closed however it ends.
  test_a_client_sees_that_a_body_broke_off,
  test_http_1_0_sees_by_a_reset_that_a_body_broke_off,
  test_a_body_is_cancelled_and_closed_when_its_client_goes,
  test_a_body_ends_when_its_server_stops

Budgets

- A body beyond 64 KB has room in a budget before more of it is read, until its request is answered
  or its endpoint says that other bounds hold for it.
  test_a_streamed_body_has_room_in_the_budget_until_it_is_answered,
  test_a_reader_with_bounds_of_its_own_gives_the_room_back_at_once,
  test_bodies_that_say_no_length_hold_no_more_than_they_have_while_their_functions_run
- The time that all connections take of one turn of the loop is bounded.
  test_no_connection_holds_the_loop_with_one_byte_chunks,
  test_a_body_that_never_waits_keeps_nobody_up

Deadlines, where the site has patience

- A request arrives within a minute, and a second more for each 32 KB of its body. Time in which the
  server does not read is not the client's.
  test_a_request_that_does_not_come_whole_is_given_up,
  test_time_in_which_the_reader_is_slow_is_not_the_senders
- A client that reads nothing of its reply for a minute is given up.
  test_who_does_not_read_its_answer_is_given_up,
  test_a_client_that_does_not_read_is_given_up_and_the_body_closed

The end

- The server closes the connection behind a reply that says so, to HTTP/1.0, and behind a refusal or
  a body that has not arrived completely. In the last two cases it drops what still comes for two
  seconds, so that the client gets the reply.
  test_http_1_0_ends_with_its_answer,
  test_a_reply_ahead_of_the_end_of_a_body_ends_the_connection,
  test_who_was_refused_and_stays_is_let_go
- A client that sends no more still gets its replies, but no streamed ones: whether it has gone
  would show no earlier than at the next piece.
  test_a_client_that_sends_no_more_is_answered,
  test_a_client_that_has_stopped_sending_gets_no_stream
- A client that has gone ends its streams alone: other work for it goes on.
  test_an_invocation_goes_on_without_its_caller
"""
