//! The server: where it listens, its routes, and how it ends.

use std::{net::SocketAddr, sync::Arc};

use axum::{Router, middleware};
use tokio::net::TcpListener;

use super::{
    access::{self, Access},
    app::App,
    assets, headers,
    live::Live,
    local::Local,
    options::ConsoleOptions,
    pages,
    tasks::Tasks,
};
use crate::{context::Context, error::Error, notes::note, output::print_text, text::Text};

/// Serves the console until Ctrl-C.
///
/// # Errors
///
/// If it can't listen on the address.
pub(crate) async fn serve(context: Arc<Context>, options: &ConsoleOptions) -> Result<(), Error> {
    let listener = listen(options.listen).await?;
    let address = listener.local_addr().map_err(Error::io("listening"))?;
    let access = Arc::new(Access::new(address)?);
    let first = access.first_address();
    let local = options
        .devstack
        .as_deref()
        .filter(|_| context.deployment.is_local)
        .map(Local::new);
    let app = Arc::new(App {
        live: Live::start(Arc::clone(&context), local.clone()),
        tasks: Tasks::default(),
        context,
        local,
    });
    print_text(&Text::line(&first))?;
    if !options.no_open
        && let Err(error) = open::that_detached(&first)
    {
        note(format_args!(
            "no browser can be opened: {error}; open the address above"
        ));
    }
    let serving = axum::serve(listener, routes(Arc::clone(&app), access)).into_future();
    tokio::select! {
        served = serving => served.map_err(Error::io("serving the console")),
        _ = tokio::signal::ctrl_c() => {
            app.tasks.stop_all().await;
            Ok(())
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    // The parser of the option has checked it already. No other caller may open the console to
    // the network.
    if !address.ip().is_loopback() {
        let reason = format!("{address} is no loopback address");
        return Err(Error::Console(reason));
    }
    TcpListener::bind(address)
        .await
        .map_err(Error::io(format!("listening on {address}")))
}

fn routes(app: Arc<App>, access: Arc<Access>) -> Router {
    pages::routes()
        .with_state(app)
        .merge(assets::routes())
        .layer(middleware::from_fn_with_state(access, access::check))
        .layer(middleware::from_fn(headers::add))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_network_is_never_listened_to() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            let listened = listen(address.parse().unwrap()).await;
            assert!(matches!(listened, Err(Error::Console(_))), "{address}");
        }
        assert!(listen("127.0.0.1:0".parse().unwrap()).await.is_ok());
    }
}
